"""What a cluster's API objects say: of each kind, only what is wanted of it is decoded and kept."""
