"""Rules, routes and scrape jobs: names, labels, tests, runbooks, and what promtool and amtool say."""
