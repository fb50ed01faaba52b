"""Pure code: no sockets, no files but temporary ones."""
