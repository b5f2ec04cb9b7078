"""The operator's view of the gateway: bounds on log lines, and the way of the log out of the process."""
