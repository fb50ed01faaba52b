"""The record of maintenance that the law asks for, kept longer than Prometheus keeps its samples.

Prometheus -> gather --+
                       +-> record (merged) -> record.csv
record.csv ------------+                   -> document -> PDF for an inspector
"""
