"""The gateway from outside: a real twistd process, a real backend, and clients that share no code with it."""
