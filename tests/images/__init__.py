"""The images that the laboratory's cluster runs: ours, and those of others that no registry brings here."""
