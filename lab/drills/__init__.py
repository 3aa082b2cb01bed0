"""The drills beside the first one: each loses something under independent writers and holds what survived to them."""
