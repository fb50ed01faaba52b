"""The simulated campus, without sockets."""
