"""What an operator sees of the gateway: bounds on log lines."""
