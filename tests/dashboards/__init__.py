"""Check 7 and steps 4.1 and 4.2: dashboards of Grafana, by a stand-in on a real socket."""
