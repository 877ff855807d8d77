"""The API's JSON, a file per noun: `…Body` comes in (unknown fields are refused), `…View` goes out."""
