"""Several processes of one gateway: which of them has a connection, and how a request reaches that one."""
