"""Kubernetes manifests: base, components and overlays for Kustomize, and what writes and checks parts of them."""
