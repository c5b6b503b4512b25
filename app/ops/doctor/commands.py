"""The commands that fix things, ready to paste."""

from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import server_user, started_by

RESTART = "sudo systemctl daemon-reload && sudo systemctl restart ollama"
INSTALL = "curl -fsSL https://ollama.com/install.sh | sh"

_FOLDER = "/etc/systemd/system/ollama.service.d"
_VULKAN_DRIVERS = {
    "apt-get": "sudo apt-get install mesa-vulkan-drivers",
    "dnf": "sudo dnf install mesa-vulkan-drivers",
    "pacman": "sudo pacman -S vulkan-radeon",
}


def set_variable(observations: Observations, drop_in: str, name: str, value: str) -> str:
    """Set `name=value` for the server and restart it; under systemd through the drop-in file `drop_in`.conf."""
    how = started_by(observations)
    if how == "container":
        return (
            "# recreate the container, with its own name, ports and volume:\n"
            f"docker run -d --device /dev/kfd --device /dev/dri -e {name}={value} -v ollama:/root/.ollama "
            "-p 11434:11434 --name ollama ollama/ollama"
        )
    if how == "hand":
        return f"{name}={value} ollama serve  # instead of the running one, with its other variables unchanged"
    return _drop_in(drop_in, f'Environment="{name}={value}"')


def _drop_in(name: str, line: str) -> str:
    return f"sudo mkdir -p {_FOLDER}\nprintf '[Service]\\n{line}\\n' | sudo tee {_FOLDER}/{name}.conf\n{RESTART}"


def perfmon(observations: Observations) -> str | None:
    """Let the server read how much GPU memory is free, if systemd runs it.

    Not by setcap on its file: a program with its own capabilities loses LD_LIBRARY_PATH, and may then find no GPU
    (Ollama's issue 15321).
    """
    return _drop_in("perfmon", "AmbientCapabilities=CAP_PERFMON") if started_by(observations) == "systemd" else None


def vulkan_on(observations: Observations) -> str:
    """Make the server use the GPU through Vulkan."""
    return set_variable(observations, "vulkan", "OLLAMA_VULKAN", "1")


def parallel(observations: Observations, num_parallel: int) -> str:
    """Make the server run that many calls at once."""
    return set_variable(observations, "parallel", "OLLAMA_NUM_PARALLEL", str(num_parallel))


def our_setting(name: str, value: object) -> str:
    """Change one of Condenser's settings."""
    return f"export {name}={value}  # or in .env; then restart Condenser"


def join_groups(observations: Observations) -> str:
    """Allow the server's user to open the GPU's device files."""
    return f"sudo usermod -aG render,video {server_user(observations)}\n{restart(observations)}"


def restart(observations: Observations) -> str:
    """Restart the server."""
    return {
        "systemd": RESTART,
        "container": "docker restart ollama",
        "hand": "ollama serve  # instead of the running one, with its variables unchanged",
    }[started_by(observations)]


def vulkan_driver(observations: Observations) -> str:
    """Install a Vulkan driver for AMD and Intel GPUs."""
    return _VULKAN_DRIVERS[observations.host.package_manager or "apt-get"]


def read_log(observations: Observations) -> str:
    """Show the log's lines about GPUs."""
    source = observations.log.source
    if source is not None and source.startswith("/"):
        return f"grep -iE 'gpu|rocm|vulkan|cuda' {source}"
    if started_by(observations) == "container":
        return "docker logs ollama 2>&1 | grep -iE 'gpu|rocm|vulkan|cuda'"
    return "sudo journalctl -u ollama -b --no-pager | grep -iE 'gpu|rocm|vulkan|cuda'"
