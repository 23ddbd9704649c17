-- The sessions with the most events, the last 7 days
select session_key, site, session_start, session_end, events, page_views, entry_page, exit_page, country
from sessions
where session_start >= localtimestamp - interval '7' day and not is_bot
order by events desc
limit 100
