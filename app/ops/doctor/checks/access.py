"""May the server's user open the GPU's device files?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import DeviceNode, Observations
from app.ops.doctor.reading import amd_gpus, answering, server_user


def check_device_access(seen: Observations) -> Finding | None:
    """May Ollama's user read and write /dev/dri/renderD* and, for AMD GPUs, /dev/kfd?"""
    if answering(seen) is None or not seen.configured.url_is_local:
        return None
    if not any(gpu.vendor in ("AMD", "Intel") for gpu in seen.host.gpus):
        return None
    if seen.server is not None and seen.server.started_by == "container":
        return Finding("device access", "unknown", "Ollama is in a container: it needs --device /dev/kfd and /dev/dri.")
    if not any(node.path.startswith("/dev/dri/") for node in seen.host.nodes):
        return Finding(
            "device access",
            "fail",
            "There is no /dev/dri/renderD*: the kernel's GPU driver is not loaded.",
            "sudo modprobe amdgpu\nsudo dmesg | grep -iE 'amdgpu|kfd'" if amd_gpus(seen) else None,
        )
    return _by_groups(seen, server_user(seen))


def _by_groups(seen: Observations, user: str) -> Finding:
    by_accounts = seen.host.user_groups.get(user, ())
    now = seen.server.groups if seen.server is not None else by_accounts
    uid = seen.server.uid if seen.server is not None else None
    if seen.server is None and not by_accounts:
        return Finding("device access", "unknown", f"Neither Ollama's process nor a user {user} can be seen.")
    closed = [node for node in seen.host.nodes if not _may_open(node, uid, now)]
    if not closed:
        paths = ", ".join(node.path for node in seen.host.nodes)
        return Finding("device access", "ok", f"Ollama's user {user} may open {paths}.")
    paths, groups = ", ".join(node.path for node in closed), ", ".join(sorted({node.group for node in closed}))
    if all(_may_open(node, uid, by_accounts) for node in closed):
        return Finding(
            "device access",
            "fail",
            f"User {user} joined the group {groups} after Ollama started: {paths} are still closed to it.",
            commands.restart(seen),
        )
    return Finding(
        "device access",
        "fail",
        f"Ollama's user {user} may not open {paths}: it is not in the group {groups}.",
        commands.join_groups(seen),
    )


def _may_open(node: DeviceNode, uid: int | None, gids: tuple[int, ...]) -> bool:
    if node.mode & 0o006 == 0o006:
        return True
    if uid == node.uid and node.mode & 0o600 == 0o600:
        return True
    return node.gid in gids and node.mode & 0o060 == 0o060
