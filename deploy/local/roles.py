"""Who may do what in Postgres: a schema and two roles for each service, and one reader over all."""

from collections.abc import Iterable, Mapping

from deploy.local.secrets import OPERATOR
from deploy.local.trouble import Trouble

DATABASE = "handrail"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def role_statements(services: Iterable[str], passwords: Mapping[str, str]) -> list[str]:
    """Statements that make the roles, or give existing ones today's password. To run in `handrail`."""
    roles = [OPERATOR, *(role for name in services for role in (name, f"{name}_owner"))]
    limits = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    statements = []
    for role in roles:
        statements.append(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {_quoted(role)}) "
            f"THEN CREATE ROLE {role}; END IF; END $$"
        )
        statements.append(f"ALTER ROLE {role} WITH {limits} PASSWORD {_quoted(passwords[role])}")
    return statements


def grant_statements(services: Iterable[str]) -> list[str]:
    """Statements that give each role what it needs and everybody else nothing. To run in `handrail`."""
    names = list(services)
    statements = [
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {OPERATOR}",
        f"ALTER ROLE {OPERATOR} SET default_transaction_read_only = on",
    ]
    for name in names:
        owner = f"{name}_owner"
        future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}"
        statements += [
            f"GRANT CONNECT ON DATABASE {DATABASE} TO {name}, {owner}",
            f"CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {owner}",
            f"GRANT USAGE ON SCHEMA {name} TO {name}, {OPERATOR}",
            f"{future} IN SCHEMA {name} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}",
            f"{future} IN SCHEMA {name} GRANT USAGE, SELECT ON SEQUENCES TO {name}",
            f"{future} IN SCHEMA {name} GRANT SELECT ON TABLES TO {OPERATOR}",
            f"{future} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
            f"{future} GRANT EXECUTE ON FUNCTIONS TO {name}",
            f"ALTER ROLE {name} SET search_path = {name}",
            f"ALTER ROLE {owner} SET search_path = {name}",
        ]
    return statements


async def arrange(admin: Mapping[str, object], services: Iterable[str], passwords: Mapping[str, str]) -> None:
    """Make the database, the schemas and the roles; harmless to repeat."""
    import asyncpg

    names = tuple(services)
    try:
        first: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**{**admin, "database": "postgres"})
    except asyncpg.InvalidPasswordError as error:
        raise Trouble(
            "PostgreSQL refuses the password in secrets.json.",
            "The file belongs to another database; restore it or use another --data folder.",
            code="wrong_password",
        ) from error
    try:
        if not await first.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await first.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await first.close()
    db: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**{**admin, "database": DATABASE})
    try:
        async with db.transaction():
            await db.execute("SET LOCAL log_min_error_statement = panic")
            for statement in [*role_statements(names, passwords), *grant_statements(names)]:
                await db.execute(statement)
    finally:
        await db.close()
