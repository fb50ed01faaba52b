"""What breaks on a cluster, and how soon it is right again: seen from outside, with the whole stack running."""
