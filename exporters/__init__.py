"""What reads dispensers and clusters, and turns it into metrics."""
