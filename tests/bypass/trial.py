"""The configuration of `trial`, the pod of attempts_limits.py."""

# `access_mode: audit` is added to it for some rows. Each rate limit has a path of its own, so that
# a row finds its bucket full.
TRIAL = """
workload:
  service: trial.default
  ports: { 8080: { tls: permissive }, 8083: { tls: strict } }
  probes: [ { path: /healthz, port: 8080 } ]
identity: { dir: /var/run/epaulet/identity }
issuers:
  portal:
    issuer: https://portal.example
    audiences: [api2]
    keys: { file: portal.jwks.json }
roles:
  admin: [ { identity: "spiffe://cluster.local/ns/default/sa/api" } ]
access:
  - { name: refused, paths: [/trial/refused/**], deny: [anyone] }
  - { name: noted, paths: [/noted/**], deny: [anyone], mode: audit }
  - { name: behind, paths: [/noted/**], allow: [admin] }
  - { name: trial, paths: [/trial/**], allow: [admin], mode: audit }
  - { name: peers, ports: [8083], allow: [admin] }
  - { name: admin, paths: [/admin/**], allow: [admin] }
  - { name: open, paths: [/limited/**, /busy/**, /healthz/**], allow: [anyone] }
rate_limits:
  - { name: again, paths: [/limited/again/**], requests: 1, per: 1h, by: { address: true } }
  - { name: claimed, paths: [/limited/claimed/**], requests: 1, per: 1h, by: { address: true } }
  - { name: spelt, paths: [/limited/spelt/**], requests: 1, per: 1h, by: { address: true } }
  - { name: network, paths: [/limited/network/**], requests: 1, per: 1h, by: { address: true } }
  - { name: nobody, paths: [/limited/nobody/**], requests: 1, per: 1h, by: { principal: true } }
  - { name: tenant, paths: [/limited/tenant/**], requests: 1, per: 1h, by: { header: x-tenant } }
timeouts: { max_duration: 4s }
concurrency:
  min: 1
  max: 1
  criticality:
    - name: others
      paths: [/trial/**, /noted/**, /admin/**, /limited/**]
      is: exempt
"""
