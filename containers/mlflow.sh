#!/bin/sh
# MLflow's server. The database's password reaches PostgreSQL's client by a variable of its own, so that no address,
# and with it no log and no list of processes, has it.
set -eu
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD
exec mlflow server "$@"
