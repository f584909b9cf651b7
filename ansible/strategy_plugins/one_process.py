"""Ansible strategy: step by step as `linear`, by one Python process per node instead of one per step.

Owns which program that is: Mitogen. Refuses to change what a step does. Without Mitogen, on a control machine
of the vendor's own making, it is `linear`: the same, three times as slow.
"""

try:
    import ansible_mitogen.loaders
    import ansible_mitogen.strategy
except ImportError:
    from ansible.plugins.strategy.linear import StrategyModule
else:
    _LINEAR = ansible_mitogen.loaders.strategy_loader.get("linear", class_only=True)

    class StrategyModule(ansible_mitogen.strategy.StrategyMixin, _LINEAR):  # type: ignore[no-redef]
        """`linear`, whose connections are Mitogen's."""


DOCUMENTATION = r"""
name: one_process
short_description: Step by step, by one process per node
description: [Steps are those of linear; docs/decisions/0148 says why.]
"""
__all__ = ["DOCUMENTATION", "StrategyModule"]
