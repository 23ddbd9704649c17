-- Orders and revenue by day and currency, the last 30 days
select cast(date_trunc('day', ts) as date) as day, site, currency, count(*) as orders, sum(revenue) as revenue
from orders
where ts >= localtimestamp - interval '30' day and not is_bot
group by 1, 2, 3
order by 1, 2, 3
