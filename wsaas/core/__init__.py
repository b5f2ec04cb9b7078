"""The rules: sessions, their states and queues, groups, retries. Standard library only, no I/O."""
