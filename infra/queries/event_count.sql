-- Events by type, the last 7 days
select event_type, count(*) as events
from events
where ts >= localtimestamp - interval '7' day and not is_bot
group by event_type
order by events desc
