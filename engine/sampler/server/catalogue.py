"""What can be run: nodes, models and what models say of themselves."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from aiohttp import web

from engine.model_files import FOLDERS
from engine.sampler.execution.describe import node_info, object_info
from engine.sampler.execution.model import Json
from engine.sampler.nodes.registry import NodeDeclaration
from engine.sampler.server import headers
from engine.sampler.server.files import SamplerFolders
from engine.sampler.server.http import Route, answer


class CatalogueRoutes:
    """The routes that list nodes and models."""

    def __init__(self, *, declarations: Mapping[str, NodeDeclaration], folders: SamplerFolders) -> None:
        self._declarations = declarations
        self._folders = folders

    def routes(self) -> list[Route]:
        """Give the table of routes."""
        return [
            Route(method="GET", path="/object_info", handler=self._all_nodes),
            Route(method="GET", path="/object_info/{node}", handler=self._one_node),
            Route(method="GET", path="/models", handler=self._model_folders),
            Route(method="GET", path="/models/{folder}", handler=self._models),
            Route(method="GET", path="/embeddings", handler=self._embeddings),
            Route(method="GET", path="/view_metadata/{folder}", handler=self._metadata),
            Route(method="GET", path="/internal/files/{kind}", handler=self._files),
        ]

    async def _all_nodes(self, _: web.Request) -> web.Response:
        return await answer(lambda: object_info(self._declarations, self._folders))

    async def _one_node(self, request: web.Request) -> web.Response:
        name = request.match_info["node"]
        declaration = self._declarations.get(name)
        return await answer(lambda: {name: node_info(declaration, self._folders)} if declaration else {})

    async def _model_folders(self, _: web.Request) -> web.Response:
        return web.json_response(FOLDERS)

    async def _models(self, request: web.Request) -> web.Response:
        folder = request.match_info["folder"]
        if folder not in FOLDERS:
            raise web.HTTPNotFound
        return await answer(lambda: list(self._folders.names(folder)))

    async def _embeddings(self, _: web.Request) -> web.Response:
        def without_suffix() -> Json:
            return [str(PurePosixPath(name).with_suffix("")) for name in self._folders.names("embeddings")]

        return await answer(without_suffix)

    async def _files(self, request: web.Request) -> web.Response:
        """Answer the pictures of a folder as nodes name them, newest first: what LoadImageOutput offers."""
        kind = request.match_info["kind"]
        try:
            return await answer(lambda: [f"{name} [{kind}]" for name in self._folders.newest(kind)])
        except ValueError as error:
            raise web.HTTPNotFound from error

    async def _metadata(self, request: web.Request) -> web.Response:
        """Answer what a model file says of itself; 404 if it is not there, is no safetensors file or says nothing."""
        folder, filename = request.match_info["folder"], request.query.get("filename", "")

        def read() -> Json:
            said = headers.metadata(self._folders.model_path(folder, filename))
            if not said:
                raise FileNotFoundError
            return dict(said)

        try:
            return await answer(read)
        except (OSError, ValueError) as error:
            raise web.HTTPNotFound from error
