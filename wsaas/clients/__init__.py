"""The clients' connections: handshakes, frames, limits and the end, on the client's side of a session."""
