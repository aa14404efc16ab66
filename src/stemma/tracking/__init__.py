"""The MLflow view of the run files: `publish.publish` brings a store to their state; the files stay the truth.

Importing this package is cheap: MLflow and the comparison are imported when something is written.
"""

from stemma.tracking.failure import record_failure
from stemma.tracking.links import start_links
from stemma.tracking.live import shown
from stemma.tracking.store import tracking_uri

__all__ = ["record_failure", "shown", "start_links", "tracking_uri"]
