"""Two weeks of a campus, its clusters and the pipeline, in a real Prometheus.

    campus, clusters, processes -> openmetrics -> promtool -> Prometheus -> judged -> promtool -> Prometheus
                                                              (rules)

The dispensers are those of the simulator, with faults and visits; clusters and processes are told by the catalogue.
Then the shipped rules are evaluated on it, recorded series and alerts alike.
"""
