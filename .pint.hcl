# What pint (https://cloudflare.github.io/pint) checks of the rules, and each exception with its reason. Without a server:
# pint --offline --config .pint.hcl lint --min-severity=info --fail-on=info alerting/rules
parser {
  include = ["alerting/rules/[a-z-]+[.]yaml"]
}

rule {
  match {
    kind = "alerting"
  }
  label "severity" {
    severity = "bug"
    value    = "critical|warning|info"
    required = true
  }
  label "team" {
    severity = "bug"
    value    = "facilities|platform"
    required = true
  }
  annotation "runbook_url" {
    severity = "bug"
    value    = "https?://.+/{{ $alert }}.md"
    required = true
  }
  annotation "dashboard_url" {
    severity = "bug"
    value    = "https?://.+"
    required = true
  }
}

# It is meant to fire always.
rule {
  match {
    name = "Watchdog"
  }
  disable = ["alerts/comparison"]
}

# An hour apart, since what they record is about days; whoever reads them does so by last_over_time(...[2h]).
rule {
  match {
    path = "alerting/rules/dispenser-trend.yaml"
  }
  disable = ["group/interval"]
}

# Limits are in a group of their own, and what takes an hour in another; an evaluation later is early enough for either.
rule {
  disable = ["rule/dependency"]
}
