"""Postgres, the public interface: COPY, audit, switch, rollback."""
