"""What clients, API and backend share of the network: TLS, the PROXY protocol, rejected connections."""
