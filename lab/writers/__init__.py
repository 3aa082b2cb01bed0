"""Independent writers: processes that commit purchases and keep, on disk, a ledger of what was acknowledged to them."""
