#!/bin/sh
# MLflow's server, and the bucket that it keeps artifacts in. The database's password reaches PostgreSQL's client by a
# variable of its own, so that no address, and with it no log and no list of processes, has it.
set -eu
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD
python "$(dirname "$0")/make_bucket.py"
exec mlflow server "$@"
