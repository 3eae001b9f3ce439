SELECT presence_pseudonym(%(key)s::{user_id})
