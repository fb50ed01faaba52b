"""The manifests, as Kustomize builds them."""
