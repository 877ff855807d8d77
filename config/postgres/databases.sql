-- Run once, when a container's database folder is empty: POSTGRES_DB makes `auth`, this makes the other one.
CREATE DATABASE backend OWNER opsconductor;
