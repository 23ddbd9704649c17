-- Events by hour and type, the last 7 days
select date_trunc('hour', ts) as hour, event_type, count(*) as events
from events
where ts >= localtimestamp - interval '7' day and not is_bot
group by 1, 2
order by 1, 2
