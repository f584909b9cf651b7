"""`make lab`: three real Debian 13 nodes on this machine, and an internet for them, each in a network
namespace.

    wire       two bridges, `front` (towards the internet) and `rack` (between nodes); the control machine,
    where
               Ansible runs, sits on `rack`
    n1 n2 n3   nodes: systemd, sshd, nftables; one base system from the bundle, an overlay for each
    internet   carriers, DNS, a guardian, an attacker

Needs root and the Debian packages that `tests.lab.host` names. Everything it makes lies under var/lab; `down`
ends what it started and leaves nothing but the base system, which the next lab starts from. Labs in different
folders do not meet.
"""
