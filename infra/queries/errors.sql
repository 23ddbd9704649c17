-- The newest error events of the last 7 days
select ts, site, event_id, session_id, source, country,
    json_extract_scalar(properties, '$.message') as message,
    json_extract_scalar(properties, '$.code') as code
from events
where ts >= localtimestamp - interval '7' day and event_type = 'error'
order by ts desc
limit 100
