"""The cluster exporter: settings, kubeconfig files, metrics."""
