"""A laboratory of network namespaces for tests that need real packets between pods.

`Lab` and `Pod` (lab.py) make the pods; `Sidecar` puts an epaulet into one; `Nameserver` is the
upstream DNS; `request` and `query` speak HTTP and DNS from inside a pod; `Capture` says whether the
bytes between pods were TLS; `Issuer` signs tokens. `tap` runs rows of claims about one world; `npm`,
`pip` and `go_tools` fetch what a suite needs besides.
Python's standard library, iproute2 and util-linux suffice.
"""

from .capture import Capture, Classifier, Count
from .http_client import Response, request
from .lab import Lab, Pod
from .nameserver import Answer, Nameserver, query
from .process import LabError, Process, wait_until
from .sidecar import PROXY_UID, Binaries, Sidecar, find_binaries
from .tokens import Issuer

__all__ = [
    "PROXY_UID",
    "Answer",
    "Binaries",
    "Capture",
    "Classifier",
    "Count",
    "Issuer",
    "Lab",
    "LabError",
    "Nameserver",
    "Pod",
    "Process",
    "Response",
    "Sidecar",
    "find_binaries",
    "query",
    "request",
    "wait_until",
]
