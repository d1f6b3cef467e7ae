"""The services of the description."""

import asyncio
import os

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select, text

import rpc as microservice
from rpc import pack, rpc

THINGS = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(100))
)


class GreetingService:
    name = "greeting_service"

    @rpc
    async def hello(self, first_name="", last_name="", name=None):
        return [f"Hello, {name or first_name} {last_name}"], {}

    @rpc
    async def hello_sleep(self, first_name="", last_name="", name=None):
        await asyncio.sleep(10)
        return await self.hello(first_name, last_name, name)


class ThingService:
    """Things in a database, by SQLAlchemy."""

    name = "thing_service"

    def __init__(self, url: str):
        server, _, database = url.rpartition("/")
        with create_engine(server + "/").begin() as connection:
            connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {database}"))
        self.engine = create_engine(url, pool_pre_ping=True)
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TABLE IF NOT EXISTS things"
                    " (id INTEGER PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100))"
                )
            )

    @rpc
    async def create_thing(self, name):
        return await asyncio.to_thread(self._create, name)

    @rpc
    async def get_things(self):
        return await asyncio.to_thread(self._get)

    def _create(self, name):
        with self.engine.begin() as connection:
            key = connection.execute(insert(THINGS).values(name=name)).inserted_primary_key[0]
        return [{"id": key, "name": name}], {}

    def _get(self):
        with self.engine.connect() as connection:
            rows = connection.execute(select(THINGS.c.id, THINGS.c.name).order_by(THINGS.c.id))
            return [[{"id": row.id, "name": row.name} for row in rows]], {}


class WebsocketTest:
    name = "websocket_test"

    @rpc
    async def hello_websocket(self, *args, **kwargs):
        await self.nats.publish("websocket_test.websocket_test", pack(args, kwargs))
        return [], {}


if __name__ == "__main__":
    things = ThingService(os.environ.get("DATABASE_URL", "mysql+pymysql://root@db.default/things"))
    asyncio.run(microservice.serve(GreetingService(), things, WebsocketTest()))
