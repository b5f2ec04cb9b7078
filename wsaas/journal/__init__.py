"""The journal: the connections that are owed a DELETE, kept on disk so that a crash does not lose them."""
