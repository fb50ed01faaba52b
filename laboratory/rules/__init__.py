"""The shipped rules, routes and scrape jobs as data, and what a PromQL expression names."""
