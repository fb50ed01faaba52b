"""Real servers as child processes, and the machines and namespaces they run in."""
