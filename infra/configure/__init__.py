"""Makes provisioned nodes what the environment says, with Ansible over SSH."""

from infra.configure.errors import ConfigureError
from infra.configure.progress import Failure, NodeReport, Progress, RunReport
from infra.configure.run import Request, configure

__all__ = ["ConfigureError", "Failure", "NodeReport", "Progress", "Request", "RunReport", "configure"]
