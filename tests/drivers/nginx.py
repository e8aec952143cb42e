"""Debian's nginx with the shipped configuration, on ports of its own."""

import shutil
import subprocess
from pathlib import Path

from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child

TEMPLATE = Path(__file__).parents[2] / "deploy" / "nginx" / "default.conf.template"
MAIN = """
daemon off; worker_processes 1; error_log stderr warn; pid {folder}/nginx.pid; user {user};
events {{ worker_connections 4096; }}
http {{
    access_log off;
    types {{ }} default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {server}
}}
"""


def program() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


class Nginx:
    def __init__(
        self,
        folder: Path,
        *,
        downloader: str,
        gateway: str,
        cache: Path,
        site: str | None = None,
        resolver: str = "127.0.0.1",  # of names; addresses need none
        trusted: str = "",  # what the file of trusted proxies has
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        server = TEMPLATE.read_text("utf-8")
        for name, value in {
            "NGINX_LISTEN": f"127.0.0.1:{self.port}",
            "NGINX_LOCAL_RESOLVERS": resolver,
            "PORTAL_GATEWAY_URL": gateway,
            "PORTAL_SITE_SERVER_URL": site or gateway,
            "PORTAL_DOWNLOADER_URL": downloader,
            "PORTAL_CACHE_DIR": str(cache),
        }.items():
            server = server.replace(f"${{{name}}}", value)
        (folder / "trusted.conf").write_text(trusted, "utf-8")
        server = server.replace("/etc/nginx/trusted-proxies", str(folder))
        server = server.replace(f"{folder}/*.conf", f"{folder}/trusted.conf")
        configuration = folder / "nginx.conf"
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout
        configuration.write_text(
            MAIN.format(folder=folder, user=user.strip(), server=server), "utf-8"
        )
        found = program()
        assert found is not None
        command = [found, "-p", str(folder), "-c", str(configuration)]
        self.child = Child("nginx", command, log=folder / "nginx.log", environment={})
        wait_until(lambda: listens(self.port), self.child, 30)

    def stop(self) -> None:
        self.child.stop()
