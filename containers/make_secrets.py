"""Makes the secrets of compose.yaml: python containers/make_secrets.py [FOLDER]

The folder is its owner's alone. The files in it are readable, since the users in the containers, who get one file each,
have other numbers than the owner.
"""

import json
import secrets
import sys
from pathlib import Path

BUCKET = "mlflow"
ALLOWED = [f"{action}:{BUCKET}" for action in ("Admin", "Read", "Write", "List")]


def contents() -> dict[str, str]:
    """What each file holds: PostgreSQL's password, and the S3 key as its client and as its server read it."""
    key, secret = secrets.token_hex(10).upper(), secrets.token_hex(32)
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {
        "postgres_password": secrets.token_hex(32),
        "s3_credentials": f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n",
        "s3_identities.json": json.dumps(
            {"identities": [{"name": BUCKET, "credentials": credentials, "actions": ALLOWED}]}, indent=1
        ),
    }


def main(folder: Path) -> None:
    if folder.exists():
        sys.exit(f"{folder}: there already; the data in the volumes need the secrets that they began with")
    folder.mkdir(mode=0o700, parents=True)
    for name, text in contents().items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o444)
    print(f"{folder}: {len(contents())} files")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "secrets"))
