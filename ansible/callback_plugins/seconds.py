"""Ansible callback: after a run, the steps that took longest.

Owns that list. Refuses to change anything. Cannot fail.
"""

import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: seconds
type: aggregate
short_description: The steps that took longest
description: [Printed at the end of a run.]
"""
_SHOWN = 12


class CallbackModule(CallbackBase):
    """Times each task from its start to the next one's."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "seconds"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began: list[tuple[float, str]] = []

    def v2_playbook_on_task_start(self, task: object, is_conditional: bool) -> None:  # noqa: ARG002
        self._began.append((time.monotonic(), task.get_name()))  # type: ignore[attr-defined]

    def v2_playbook_on_handler_task_start(self, task: object) -> None:
        self.v2_playbook_on_task_start(task, is_conditional=False)

    def v2_playbook_on_stats(self, stats: object) -> None:  # noqa: ARG002
        ends = [*(began for began, _name in self._began[1:]), time.monotonic()]
        took = [(end - began, name) for (began, name), end in zip(self._began, ends, strict=True)]
        for seconds, name in sorted(took, reverse=True)[:_SHOWN]:
            self._display.display(f"{seconds:6.1f} s  {name}")
