"""Every route with who may use it and what is written down of it. A route that is added gets its line here: the tests
that try each as everyone read this list, and fail when it and the server differ."""

from __future__ import annotations

WHO_MAY = """
GET  /                                     public   never
GET  /api/analytics/congestion             viewer   never
GET  /api/analytics/flow                   viewer   never
GET  /api/analytics/footfall               viewer   never
GET  /api/analytics/lines                  viewer   never
GET  /api/analytics/queue                  viewer   never
GET  /api/analytics/routes                 viewer   never
GET  /api/analytics/zones                  viewer   never
GET  /api/cameras                          viewer   never
GET  /api/cameras/{camera}                 viewer   never
GET  /api/cameras/{camera}.mjpg            viewer   always
GET  /api/cameras/{camera}/frame           viewer   always
GET  /api/cameras/{camera}/heatmap         viewer   never
GET  /api/corrections                      viewer   always
GET  /api/corrections/{number}             viewer   always
GET  /api/events                           viewer   always
GET  /api/health                           public   never
GET  /api/identities                       viewer   always
GET  /api/identities/{id}                  viewer   always
GET  /api/identities/{id}/company          viewer   always
GET  /api/passages                         viewer   always
GET  /api/identities/{id}/trajectory       viewer   always
GET  /api/identities/{id}/where            viewer   always
GET  /api/identities/{id}/why              viewer   always
GET  /api/openapi.json                     public   never
GET  /api/ready                            public   never
GET  /metrics                              viewer   never
GET  /api/search                           viewer   always
GET  /api/stats                            viewer   part
GET  /api/topology                         viewer   never
GET  /api/visits                           viewer   always
GET  /api/visits/{visit}                   viewer   always
GET  /api/visits/{visit}/why               viewer   always
GET  /api/ws/events                        viewer   always
GET  /api/ws/pictures                      viewer   always
GET  /api/ws/stats                         viewer   part
GET  /api/zones                            viewer   never
GET  /dashboard/{file}                     public   never
GET  /dashboard/{folder}/{file}            public   never
GET  /api/session                          viewer   never
GET  /login                                public   never
GET  /login/login.js                       public   never
POST /api/session                          public   never
DELETE /api/session                        public   never
GET  /docs                                 public   never
GET  /docs/docs.css                        public   never
GET  /docs/docs.js                         public   never
GET  /ws/stats                             viewer   part
GET  /ws/{camera}                          viewer   always
POST /api/corrections                      operator always
POST /api/identities/{id}/forget          admin    always
POST /api/search                           viewer   always
PUT  /api/cameras/{camera}/places          operator always
"""
