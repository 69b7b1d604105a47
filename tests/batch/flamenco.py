"""Stands in for Flamenco Manager as far as `smirk_batch.js` sees it, under Node.js.

As in Flamenco 3: settings are what was sent, without the job type's defaults; a task is copied when it is added, so
what is added to it later is lost; names and types must be there; what was not given does not reach a worker.
"""

import json
import subprocess

from smirk_blender.batch.plan import SCRIPT

MANAGER = """
const made = [];
const author = {
  Task(name, type) {
    if (!name || !name.trim() || !type || !type.trim()) throw new Error("author.Task(name, type): both are required");
    return { name: name.trim(), type: type.trim(), commands: [], after: [],
             addCommand(command) { this.commands.push(command); },
             addDependency(task) { this.after.push(task.name); } };
  },
  Command(name, parameters) { return { name, parameters }; },
};
const submit = (settings) => {
  compileJob({ settings, addTask(task) { made.push(JSON.parse(JSON.stringify(task))); } });
  return JSON.stringify({ settings: JOB_TYPE.settings, made });
};
"""


def compiled(told: dict) -> tuple[dict[str, dict], list[dict]]:
    """Return the job type's settings by key, and the tasks that it makes of a job as it is posted to the manager."""
    script = f"{MANAGER}{SCRIPT.read_text('utf-8')}\nconsole.log(submit({json.dumps(told['settings'])}));\n"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    return {setting["key"]: setting for setting in found["settings"]}, found["made"]
