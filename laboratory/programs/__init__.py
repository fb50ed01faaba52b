"""Where the programs of real servers come from: PATH, Debian, or a build in the cache."""
