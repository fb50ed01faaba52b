"""Real API servers with etcd, alone or as a highly available control plane, and what is written into them."""
