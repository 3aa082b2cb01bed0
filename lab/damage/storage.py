# ruff: noqa: S608 - the statements are made of constants of the lab
"""Damage to files: pages that rotted, were lost, or hold other bytes under a checksum that is right."""

import struct

from lab.damage.kinds import Group, Patient
from lab.damage.pages import HEADER, PAGE, Files, line_pointer, swap_line_pointers, tuple_bytes

STORAGE = Group("Storage", "Files: pages that rotted, were lost, or hold other bytes under a checksum that is right.")

_OLD = "updated_at < now() - interval '60 days'"
_KEY = "users_phone_key"


def _files(patient: Patient) -> Files:
    return Files(patient.stage, patient.cluster)


def _scribble(files: Files, relation: str, block: int) -> None:
    """Overwrite the middle of a page, as a failing disk would."""
    page = files.read(relation, block)
    page[PAGE // 2 : PAGE // 2 + 512] = bytes(range(256)) * 2
    files.write(relation, block, page)


@STORAGE.add(check="storage", seen="'invalid page in block', whenever somebody reads that far.", on="files")
def corrupted_heap_page(patient: Patient) -> None:
    """A page of a table holds noise, and its checksum says so."""
    _scribble(_files(patient), "transactions", 5)


@STORAGE.add(check="storage", seen="'invalid page in block' for some queries, depending on their plan.", on="files")
def corrupted_index_page(patient: Patient) -> None:
    """A page of a B-tree index holds noise, and its checksum says so."""
    files = _files(patient)
    _scribble(files, "transactions_user_time", files.leaf_of("transactions_user_time"))


@STORAGE.add(check="storage", seen="'invalid page in block' for some searches for a merchant.", on="files")
def corrupted_page_of_a_gin_index(patient: Patient) -> None:
    """A page of an index that is no B-tree holds noise, and its checksum says so."""
    _scribble(_files(patient), "transactions_merchant", 3)


@STORAGE.add(check="storage", seen="'invalid page in block': the page belongs elsewhere.", on="files")
def misdirected_write(patient: Patient) -> None:
    """A page was written where another belongs; the checksum covers the page's number."""
    files = _files(patient)
    files.write("linked_accounts", 4, files.read("linked_accounts", 2))


@STORAGE.add(check="content", seen="A page full of purchases is missing; no query complains.", on="files")
def zeroed_heap_page(patient: Patient) -> None:
    """A page of a table is all zeros, which is what a new and empty page looks like: no checksum to compare."""
    _files(patient).write("transactions", 5, bytes(PAGE))


@STORAGE.add(check="content", seen="Some accounts have the balance of last week; no query complains.", on="files")
def lost_write(patient: Patient) -> None:
    """A page is an older one of the same place, with the checksum it had then: the disk never took the last write."""
    files = _files(patient)
    older = patient.stage.source.base / files.relative_path("linked_accounts")
    files.write("linked_accounts", 0, older.read_bytes()[:PAGE])


@STORAGE.add(check="content", seen="One purchase costs something else; no query complains.", on="files")
def changed_byte_under_a_right_checksum(patient: Patient) -> None:
    """One amount's bytes differ, and the page's checksum was computed over them."""
    files = _files(patient)
    place = files.place("transactions", _OLD)
    amount = files.look(f"SELECT amount_paisa FROM transactions WHERE ctid = '({place.block},{place.number})'")
    page = files.read("transactions", place.block)
    offset, _ = line_pointer(page, place.number)
    at = tuple_bytes(page, place.number).index(struct.pack("<q", amount))
    struct.pack_into("<q", page, offset + at, amount + 256)
    files.write("transactions", place.block, page)
    files.make_checksums_right()


@STORAGE.add(check="content", seen="One account is gone; no query complains.", on="files")
def row_marked_deleted(patient: Patient) -> None:
    """A row's header says that the transaction that made it also deleted it."""
    files = _files(patient)
    place = files.place("linked_accounts", _OLD)
    page = files.read("linked_accounts", place.block)
    offset, _ = line_pointer(page, place.number)
    page[offset + 4 : offset + 8] = page[offset : offset + 4]  # xmax is xmin
    (flags,) = struct.unpack_from("<H", page, offset + 20)
    struct.pack_into("<H", page, offset + 20, flags & ~0x18D0 | 0x0500)  # both committed, and no mere lock
    page[10:12] = struct.pack("<H", struct.unpack_from("<H", page, 10)[0] & ~0x0004)  # not all visible
    files.write("linked_accounts", place.block, page)
    files.make_checksums_right()


@STORAGE.add(check="storage", seen="A row is gone for now, and comes back in some years.", on="files")
def row_of_a_future_transaction(patient: Patient) -> None:
    """A row's header names a transaction that has not begun yet."""
    files = _files(patient)
    place = files.place("linked_accounts", _OLD)
    page = files.read("linked_accounts", place.block)
    offset, _ = line_pointer(page, place.number)
    struct.pack_into("<I", page, offset, 500_000_000)
    (flags,) = struct.unpack_from("<H", page, offset + 20)
    struct.pack_into("<H", page, offset + 20, flags & ~0x0300)  # neither known to be committed, nor frozen
    files.write("linked_accounts", place.block, page)
    files.make_checksums_right()


@STORAGE.add(check="storage", seen="Errors, or a crash, for whoever reads that page.", on="files")
def line_pointer_into_nowhere(patient: Patient) -> None:
    """A line pointer of a heap page leads outside of the page, under a right checksum."""
    files = _files(patient)
    page = files.read("budgets", 0)
    (value,) = struct.unpack_from("<I", page, HEADER)
    struct.pack_into("<I", page, HEADER, value & ~0x7FFF | (PAGE - 8))
    files.write("budgets", 0, page)
    files.make_checksums_right()


@STORAGE.add(check="storage", seen="Some phone numbers are not found, though the user is there.", on="files")
def index_out_of_order(patient: Patient) -> None:
    """Two entries of a B-tree leaf have changed places, under a right checksum."""
    files = _files(patient)
    block = files.leaf_of(_KEY)
    page = files.read(_KEY, block)
    swap_line_pointers(page, 2, 3)
    files.write(_KEY, block, page)
    files.make_checksums_right()


@STORAGE.add(check="storage", seen="A search by phone finds another user.", on="files")
def index_entry_that_points_elsewhere(patient: Patient) -> None:
    """An entry of a B-tree leaf points at another row, under a right checksum."""
    files = _files(patient)
    block = files.leaf_of(_KEY)
    page = files.read(_KEY, block)
    (offset, _), (other, _) = line_pointer(page, 2), line_pointer(page, 3)
    page[offset : offset + 6] = page[other : other + 6]
    files.write(_KEY, block, page)
    files.make_checksums_right()


@STORAGE.add(check="storage", seen="Searches fail: 'unexpected zero page'.", on="files")
def zeroed_index_page(patient: Patient) -> None:
    """A page of an index is all zeros."""
    files = _files(patient)
    files.write(_KEY, files.leaf_of(_KEY), bytes(PAGE))


@STORAGE.add(check="storage", seen="An account is there, and not to be found by its user.")
def index_that_misses_a_row(patient: Patient) -> None:
    """A row was written while its index slept: the table has it, the index has not."""
    patient.run(
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'linked_accounts_user'::regclass",
        "INSERT INTO linked_accounts (user_id, provider, label, balance_paisa, created_at, updated_at)"
        f" SELECT id, 'upi', 'Unseen', 0, {patient.moment}, {patient.moment} FROM users LIMIT 1",
        "UPDATE pg_index SET indisready = true WHERE indexrelid = 'linked_accounts_user'::regclass",
    )


@STORAGE.add(
    check="storage", seen="'missing chunk number 1 for toast value', for whoever opens that statement.", on="files"
)
def lost_toast_chunk(patient: Patient) -> None:
    """A piece of a large value is gone, under a right checksum."""
    files = _files(patient)
    toast = files.look("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'ledger.statements'::regclass")
    place = files.place(toast, "chunk_seq = 1")
    page = files.read(toast, place.block)
    struct.pack_into("<I", page, HEADER + 4 * (place.number - 1), 0b11 << 15)  # dead, as if it had been vacuumed
    files.write(toast, place.block, page)
    files.make_checksums_right()


@STORAGE.add(check="content", seen="The last pages of the purchases are gone.", on="files")
def truncated_file(patient: Patient) -> None:
    """A table's file ends too early."""
    _files(patient).truncate("transactions", 20)


@STORAGE.add(check="content", seen="An empty list of accounts.", on="files")
def emptied_file(patient: Patient) -> None:
    """A table's file is there, and has no bytes."""
    files = _files(patient)
    files.truncate("linked_accounts", files.path("linked_accounts").stat().st_size // PAGE)


@STORAGE.add(check="storage", seen="'could not open file', for whoever reads the budgets.", on="files")
def lost_file(patient: Patient) -> None:
    """A table's file is gone."""
    _files(patient).path("budgets").unlink()


@STORAGE.add(check="storage", seen="'could not open file', for whoever looks a session up by its key.", on="files")
def lost_file_of_an_index(patient: Patient) -> None:
    """An index's file is gone."""
    _files(patient).path("sessions_pkey").unlink()
