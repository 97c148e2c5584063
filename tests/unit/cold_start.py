"""What a fresh interpreter does."""

import os
import subprocess
import sys


def is_imported(module: str, *, by: str) -> bool:
    """Whether a fresh interpreter that runs ``by`` has imported a module then; fails when it does not run to its end."""
    return printed(f"import sys; {by}; print({module!r} in sys.modules)") == "True"


def printed(code: str) -> str:
    """What a fresh interpreter that runs ``code`` prints; fails when it does not run to its end."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "AWS_DEFAULT_REGION": "us-east-1"}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return answer.stdout.strip()
